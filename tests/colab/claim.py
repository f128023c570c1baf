"""Make an environment claim packages that it does not have.

    python claim.py INVENTORY SITE_PACKAGES

pip believes the small folders in which installed packages describe themselves.
This writes one for every `name==version` of the inventory that is not really
there, so that a dry run of pip tells in seconds what an install would change.
"""

import importlib.metadata
import pathlib
import re
import sys


def claim(inventory: pathlib.Path, site_packages: pathlib.Path) -> int:
    """Write the missing descriptions and return how many they were."""
    present = {
        canonical(package.metadata["Name"])
        for package in importlib.metadata.distributions(
            path=[str(site_packages)]
        )
    }
    claimed = 0
    for name, version in read(inventory).items():
        if name in present:
            continue
        stem = f"{name.replace('-', '_')}-{version}"
        folder = site_packages / f"{stem}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (folder / "INSTALLER").write_text("pip\n")
        (folder / "RECORD").write_text("")
        claimed += 1
    return claimed


def read(inventory: pathlib.Path) -> dict[str, str]:
    """Return the version of each package of a list, by canonical name."""
    lines = inventory.read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line)
    return {canonical(name): version for name, version in pins}


def canonical(name: str) -> str:
    """Spell a package's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


if __name__ == "__main__":
    count = claim(*map(pathlib.Path, sys.argv[1:]))
    print(f"claimed {count} packages")

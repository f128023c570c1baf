"""Looks for pictures: `plt.style.use("memnets.styles.slides")`."""

// The playground takes the light or the dark of the page around it.
const frame = document.getElementById("playground");
if (frame) {
  const follow = () => {
    const theme = document.documentElement.dataset.theme;
    if (theme && frame.dataset.theme !== theme) {
      frame.dataset.theme = theme;
      frame.src = `playground.html#theme=${theme}`;
    }
  };
  follow();
  new MutationObserver(follow).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
}

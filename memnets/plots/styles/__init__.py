"""Matplotlib styles: `plt.style.use("memnets.plots.styles.slides")`."""

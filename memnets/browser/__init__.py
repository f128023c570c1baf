"""A trained network in the browser: one page, one file, no server.

`module.js` is the network and what is drawn, `page.css` how it looks;
`networks.py` says what is in the data, `catalogue.py` which networks the
standard page has, and `page.py` puts all of it into one file.
"""

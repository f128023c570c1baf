"""memnets: how does a network remember?"""

__version__ = "0.1.0"

"""memnets: how does a network remember?"""

"""Requests of a person under LGPD (Law 13.709/2018, art. 18), and retention.

A person may ask to see what is held about them, and to have it erased.
"""

"""Stages: read, call the domain, write."""

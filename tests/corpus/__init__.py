"""Tests of the dataset side."""

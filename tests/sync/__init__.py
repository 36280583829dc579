"""Tests of the gate on a session."""

"""Tests of the local Snowball."""

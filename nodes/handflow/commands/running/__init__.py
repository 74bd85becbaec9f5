"""Run and watch."""

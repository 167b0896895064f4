"""The published figures taken apart."""

"""Callbacks: who wants to hear of what, and telling them over HTTP, signed (Standard Webhooks), until they have it."""

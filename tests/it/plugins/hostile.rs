//! Guests that misbehave.

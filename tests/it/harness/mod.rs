//! What scenarios stand on: real servers, and a sink that misbehaves on purpose.

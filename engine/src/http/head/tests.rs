//! Tables, to be filled.

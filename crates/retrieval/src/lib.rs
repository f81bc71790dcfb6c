//! Exact search of an author's past as of any moment

//! No secret is found anywhere but where it belongs, with every log turned up.

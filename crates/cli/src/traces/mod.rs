//! Traces over OTLP. The exporter is built in with the cargo feature `otlp` alone.

#[cfg(feature = "otlp")]
mod export;
#[cfg(not(feature = "otlp"))]
mod without;

#[cfg(feature = "otlp")]
pub(crate) use export::Traces;
#[cfg(not(feature = "otlp"))]
pub(crate) use without::Traces;

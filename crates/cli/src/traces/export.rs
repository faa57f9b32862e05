//! Spans to a collector, over the transport that also carries provider calls.

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use evergrant::Transport;
use evergrant::measure::SPANS;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::compose::transport;
use crate::settings::Settings;

/// Spans on their way out; none, if no collector is configured.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Exports nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Begins to export, if a collector is configured. Runs inside the runtime.
    pub(crate) fn begin(settings: &Settings) -> anyhow::Result<Self> {
        let Some(collector) = &settings.telemetry.otlp_endpoint else {
            return Ok(Self(None));
        };
        let carrier = Carrier { http: transport(settings, None)?, runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", collector.as_str().trim_end_matches('/')))
            .with_http_client(carrier)
            .build()
            .context("cannot export traces")?;
        let resource = Resource::builder()
            .with_service_name("evergrant")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let spans =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource);
        Ok(Self(Some(spans.build())))
    }

    /// Exports the spans that are made for it ([`SPANS`]) and nothing else: the logs of other crates
    /// contain what they carry, and our own may name people.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let spans = self.0.as_ref()?;
        let layer = tracing_opentelemetry::layer()
            .with_tracer(spans.tracer("evergrant"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(filter_fn(|of| of.is_span() && of.target() == SPANS)))
    }

    /// Sends what is left.
    pub(crate) async fn finish(self) {
        let Some(spans) = self.0 else { return };
        // It blocks until the collector has answered or time is up.
        let sent = tokio::task::spawn_blocking(move || spans.shutdown()).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Brings batches to the collector. They come from a thread that has no runtime.
struct Carrier {
    http: Arc<dyn Transport>,
    runtime: Handle,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Carrier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = Arc::clone(&self.http);
        let answer = self.runtime.spawn(async move { http.send(request).await }).await?;
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                tracing::warn!(status = answer.status().as_u16(), "the collector refuses traces");
            }
            Err(error) => tracing::warn!(%error, "traces could not be sent"),
        }
        Ok(answer?)
    }
}

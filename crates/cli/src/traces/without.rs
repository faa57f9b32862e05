//! A build without traces: asking it for some is a mistake that is said.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

use crate::output::OperatorError;
use crate::settings::Settings;

/// No traces.
pub(crate) struct Traces;

impl Traces {
    pub(crate) fn none() -> Self {
        Self
    }

    /// Refuses a collector that would wait in vain.
    pub(crate) fn begin(settings: &Settings) -> anyhow::Result<Self> {
        match &settings.telemetry.otlp_endpoint {
            None => Ok(Self),
            Some(_) => Err(OperatorError(
                "telemetry.otlp_endpoint is set, and this build cannot export traces: install one that \
                 was built with `--features otlp`, or unset EVERGRANT_TELEMETRY_OTLP_ENDPOINT and \
                 OTEL_EXPORTER_OTLP_ENDPOINT"
                    .to_owned(),
            )
            .into()),
        }
    }

    #[expect(clippy::unused_self, reason = "the same door as with traces")]
    pub(crate) fn layer<S: Subscriber>(&self) -> Option<impl Layer<S> + use<S>> {
        None::<Identity>
    }

    #[expect(clippy::unused_async, reason = "the same door as with traces")]
    pub(crate) async fn finish(self) {}
}

//! All providers, played on one stage.

use evergrant_sandbox::{Backstage, Stage, StageConfig};

use crate::declared::sandbox::OAuthAct;
use crate::ig::sandbox::IgAct;
use crate::microsoft::sandbox::MicrosoftAct;

/// A stage with every provider's act on it.
pub fn stage(config: StageConfig) -> Stage {
    let backstage = Backstage::new(config);
    let microsoft = MicrosoftAct::new(&backstage);
    let oauth = OAuthAct::new(&backstage);
    let ig = IgAct::new(&backstage);
    Stage::new(backstage, vec![Box::new(microsoft), Box::new(oauth), Box::new(ig)])
}

//! Sealing everything anew with the first key of the ring, while refreshes go on.
//!
//! A value is replaced only if it is still the one that was read, so a refresh that commits meanwhile
//! wins: its grant is sealed with the first key already. Every value opens at every moment, with the
//! old key before and the new one after, so a rotation may be killed and begun again at any point.

use super::{TokenError, Vault};
use crate::failpoint::FailPoint;
use crate::seal::Place;
use crate::store::SealedRow;

/// How many values are taken at once. To find them those that are done are passed over, so it must
/// not be few.
const BATCH: usize = 500;

/// What a rotation has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Values sealed anew.
    pub resealed: u64,
    /// Values that somebody else replaced meanwhile.
    pub overtaken: u64,
    /// Values that do not open, with the reason: they stay as they are.
    pub failed: Vec<(String, String)>,
}

impl Vault {
    /// Seals every stored value anew that is not sealed with the ring's first key; `progress` is
    /// told after every batch. Sign-ins under way are left: they end within minutes.
    pub async fn rotate(&self, progress: impl Fn(&Rotated)) -> Result<Rotated, TokenError> {
        let parts = self.parts();
        let key = parts.seal.ring().first();
        let mut rotated = Rotated::default();
        loop {
            // Those that failed are found again, first of all.
            let limit = u32::try_from(BATCH + rotated.failed.len()).unwrap_or(u32::MAX);
            let rows = parts.store.sealed_otherwise(key, limit).await?;
            let known =
                |row: &SealedRow| rotated.failed.iter().any(|(name, _)| *name == name_of(row));
            let rows: Vec<_> = rows.into_iter().filter(|row| !known(row)).collect();
            if rows.is_empty() {
                return Ok(rotated);
            }
            for row in rows {
                let field = row.shelf.field();
                let place = Place { epoch: row.epoch, ..self.place(&row.subject, field, 0) };
                match parts.seal.open(place, &row.sealed) {
                    Ok(plain) => {
                        FailPoint::DuringKeyRotation.pass().await;
                        let sealed = parts.seal.seal(place, &plain);
                        if parts.store.reseal(&row, &sealed).await? {
                            rotated.resealed += 1;
                        } else {
                            rotated.overtaken += 1;
                        }
                    }
                    Err(error) => rotated.failed.push((name_of(&row), error.to_string())),
                }
            }
            progress(&rotated);
        }
    }
}

fn name_of(row: &SealedRow) -> String {
    format!("{:?} {}", row.shelf, row.row)
}

//! What is done to an event besides writing it: answers, cancellation, forwarding, reminders
//! (contract, 5.5).

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::call::Parameters;
use super::super::reply::{Answer, Denied};
use super::agenda::Answered;
use super::item::{Form, Item, response};
use super::read::{moment, recipients};
use super::when::second;
use super::{Desk, Place, find};

impl Desk<'_> {
    /// An action on an event.
    pub(super) fn act_on(&self, place: &Place, id: &str, action: &str) -> Result<Answer, Denied> {
        let given = self.call.parameters()?;
        let found = {
            let agenda = self.act.agenda();
            let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
            find(mailbox, place, id)?
        };
        let (item, form) = found;
        match action {
            "accept" => self.respond(place, &item, form, "accepted", &given),
            "tentativelyaccept" => self.respond(place, &item, form, "tentativelyAccepted", &given),
            "decline" => self.respond(place, &item, form, "declined", &given),
            "cancel" => self.cancel(place, &item, form),
            "forward" => self.forward(place, &item, form, &given),
            "snoozereminder" => {
                moment(given.get("newReminderTime").ok_or_else(Denied::property)?)?;
                Ok(Answer::empty(StatusCode::OK))
            }
            "permanentdelete" => {
                self.act.agenda().delete(&place.oid, &item, form, self.look.now);
                Ok(Answer::done())
            }
            "dismissreminder" => Ok(Answer::empty(StatusCode::OK)),
            unknown => Err(Denied::segment(unknown)),
        }
    }

    fn respond(
        &self,
        place: &Place,
        item: &Item,
        form: Form,
        answer: &str,
        given: &Parameters,
    ) -> Result<Answer, Denied> {
        if item.is_organizer {
            let message = "Your request can't be completed. You can't respond to this meeting because you're the \
                           meeting organizer.";
            return Err(Denied::bad("ErrorInvalidRequest", message));
        }
        let sends = given.flag("sendResponse").unwrap_or(true);
        let proposed = given.get("proposedNewTime");
        if let Some(proposed) = proposed {
            check_proposal(item, answer, sends, proposed)?;
        }
        let now = self.look.now;
        let mut agenda = self.act.agenda();
        let usual = json!(if answer == "accepted" { "busy" } else { "tentative" });
        let mailbox = agenda.mailbox_mut(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let from = mailbox.address.clone();
        if answer == "declined" {
            match form {
                Form::Whole => drop(mailbox.remove(item.number)),
                Form::On(day) => mailbox.remove_day(item.number, day, now),
            }
        } else {
            mailbox.touch(item.number, now, |copy| {
                copy.change(form, now, |content| {
                    let status = response(answer, &second(now));
                    content.members.insert("responseStatus".to_owned(), status);
                    if content.members.get("showAs") != Some(&json!("free")) {
                        content.members.insert("showAs".to_owned(), usual);
                    }
                });
            });
        }
        if sends {
            let organizer = item.organizer["address"].as_str().unwrap_or_default();
            let answered = Answered {
                uid: &item.uid,
                organizer,
                from: &from,
                form,
                response: answer,
                proposed: proposed.cloned(),
            };
            agenda.answer(&answered, now);
        }
        Ok(Answer::accepted())
    }

    fn cancel(&self, place: &Place, item: &Item, form: Form) -> Result<Answer, Denied> {
        if !item.is_organizer {
            let message =
                "Your request can't be completed. You need to be an organizer to cancel a meeting.";
            return Err(Denied::bad("ErrorInvalidRequest", message));
        }
        self.act.agenda().delete(&place.oid, item, form, self.look.now);
        Ok(Answer::accepted())
    }

    /// Those it is forwarded to are invited, whoever forwards it.
    fn forward(
        &self,
        place: &Place,
        item: &Item,
        form: Form,
        given: &Parameters,
    ) -> Result<Answer, Denied> {
        let to = given.get("toRecipients").cloned().unwrap_or_default();
        let to = recipients(&json!({ "toRecipients": to }))?;
        let to = to.as_array().filter(|to| !to.is_empty()).ok_or_else(|| {
            Denied::bad("ErrorInvalidRecipients", "At least one recipient isn't valid.")
        })?;
        let now = self.look.now;
        let mut agenda = self.act.agenda();
        if item.is_organizer {
            agenda.add_attendees(&place.oid, item, form, to, now);
            return Ok(Answer::accepted());
        }
        let organizer = item.organizer["address"].as_str().unwrap_or_default().to_owned();
        let original = agenda.mailbox(&organizer).and_then(|mailbox| {
            let number = mailbox.original_of(&item.uid)?;
            mailbox.items.get(&number).cloned()
        });
        if let Some(original) = original {
            agenda.add_attendees(&organizer, &original, form, to, now);
        }
        Ok(Answer::accepted())
    }
}

/// Another time can be proposed with a tentative answer or a refusal, if it is sent and the
/// organizer allows it.
fn check_proposal(item: &Item, answer: &str, sends: bool, proposed: &Value) -> Result<(), Denied> {
    let allows = item.content.members.get("allowNewTimeProposals") != Some(&json!(false));
    if answer == "accepted" || !sends || !allows {
        let message = "The parameter ProposedNewTime can't be used with this response.";
        return Err(Denied::bad("ErrorInvalidParameter", message));
    }
    for end in ["start", "end"] {
        let value = crate::microsoft::sandbox::json::given(proposed, end);
        moment(value.ok_or_else(Denied::property)?)?;
    }
    Ok(())
}

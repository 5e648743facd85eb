//! The search on the service for an operation that a start finds unsent.
//!
//! The folder may be a restored copy, so an operation that it holds as unsent may stand on the service already. One
//! that stands there whole counts as posted. One that stands there with other contents was sent from a folder that
//! knew more, or less; a person decides.

use super::{Delivery, Finding, State};

impl Delivery {
    /// Returns the delivery, marked as found unsent by a start.
    #[must_use]
    pub fn found_at_start(self) -> Self {
        Self { look_first: true, ..self }
    }

    /// Returns true if a search found a document that this delivery does not know: the folder was restored.
    pub fn is_news(&self, finding: &Finding) -> bool {
        match finding {
            Finding::Absent => false,
            Finding::Found(found) => self.document != Some(found.document),
            Finding::Conflict(_) => true,
        }
    }

    pub(super) fn looked(&mut self, finding: Finding) {
        self.look_first = false;
        // A request of another copy may be on its way, as after a lost answer of this one.
        self.doubtful = true;
        // Compared before the document is recorded below.
        let is_news = self.is_news(&finding);
        match finding {
            Finding::Absent => {}
            Finding::Conflict(why) => self.ask_person(why),
            Finding::Found(found) => {
                self.document = Some(found.document);
                self.take_late_lines(&found);
                let missing = self.missing().count();
                if is_news && missing > 0 {
                    self.ask_person(format!(
                        "document {} on the service has all but {missing} of its lines, and this data folder did not \
                         send it",
                        found.document
                    ));
                    return;
                }
                self.surplus = found.surplus;
                self.go_line_by_line();
                self.settle();
            }
        }
    }

    fn ask_person(&mut self, why: String) {
        self.state = State::Uncertain;
        self.absences = 0;
        self.stuck = Some(why);
    }
}

use async_trait::async_trait;

use crate::id::OrgId;
use crate::identity::{Email, Plan};

/// A subscription to be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Who buys.
    pub org: OrgId,
    /// What.
    pub plan: Plan,
    /// For how many.
    pub seats: u64,
    /// Where the receipt goes.
    pub email: Email,
    /// Where the browser returns to.
    pub success_url: String,
}

/// The billing service did not do it.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// The organisation never bought anything.
    #[error("the billing service does not know this organisation")]
    UnknownCustomer,
    /// The plan is not for sale here.
    #[error("no product is configured for this plan")]
    NoProduct,
    /// The service refused or could not be reached.
    #[error("the billing service failed: {0}")]
    Failed(String),
}

/// Sells plans.
#[async_trait]
pub trait Billing: Send + Sync {
    /// Returns the URL where the plan can be bought.
    async fn checkout(&self, checkout: Checkout) -> Result<String, BillingError>;

    /// Returns the URL where the subscription, invoices and payment method can be managed.
    async fn portal(&self, org: OrgId) -> Result<String, BillingError>;
}

//! What the adapter asks for, and what it makes of Polar's answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use adapter_polar::{Polar, Products};
use serde_json::json;
use trace::id::OrgId;
use trace::identity::{Email, Plan};
use trace::ports::{Billing, BillingError, Checkout};

const ORG: OrgId = OrgId(uuid::Uuid::from_u128(7));
const ORG_TEXT: &str = "00000000-0000-0000-0000-000000000007";

async fn stage(token: &str) -> (service_emulators::Polar, Polar) {
    let service = service_emulators::Polar::start("polar_oat_1").await.unwrap();
    let products = Products { pro: Some("prod_pro".to_owned()), team: None };
    let polar = Polar::new(&service.url, token.to_owned(), products).unwrap();
    (service, polar)
}

fn checkout(plan: Plan) -> Checkout {
    Checkout {
        org: ORG,
        plan,
        seats: 3,
        email: Email::parse("ann@x.org").unwrap(),
        success_url: "https://app/settings/billing?checkout=success".to_owned(),
    }
}

#[tokio::test]
async fn a_checkout_names_product_seats_and_organisation() {
    let (service, polar) = stage("polar_oat_1").await;
    let url = polar.checkout(checkout(Plan::Pro)).await.unwrap();
    assert_eq!(url, "https://polar.example/checkout/1");
    let expected = json!({
        "products": ["prod_pro"],
        "success_url": "https://app/settings/billing?checkout=success",
        "seats": 3,
        "customer_email": "ann@x.org",
        "external_customer_id": ORG_TEXT,
        "metadata": {"org_id": ORG_TEXT},
    });
    assert_eq!(service.checkouts(), [expected]);
}

#[tokio::test]
async fn a_plan_without_a_product_is_not_for_sale() {
    let (service, polar) = stage("polar_oat_1").await;
    for plan in [Plan::Team, Plan::Free, Plan::Enterprise] {
        assert!(matches!(polar.checkout(checkout(plan)).await, Err(BillingError::NoProduct)), "{plan:?}");
    }
    assert!(service.checkouts().is_empty());
}

#[tokio::test]
async fn the_portal_is_for_customers() {
    let (service, polar) = stage("polar_oat_1").await;
    assert!(matches!(polar.portal(ORG).await, Err(BillingError::UnknownCustomer)));
    service.add_customer(ORG_TEXT);
    assert_eq!(polar.portal(ORG).await.unwrap(), format!("https://polar.example/portal/{ORG_TEXT}"));
}

#[tokio::test]
async fn failures_are_told_without_the_token() {
    let (service, polar) = stage("polar_oat_1").await;
    service.fail_next(500);
    assert!(matches!(polar.checkout(checkout(Plan::Pro)).await, Err(BillingError::Failed(_))));
    let (_service, polar) = stage("polar_oat_secret").await;
    let error = polar.portal(ORG).await.unwrap_err();
    assert!(matches!(&error, BillingError::Failed(told) if told.contains("401")), "{error}");
    assert!(!format!("{error:?}{polar:?}").contains("polar_oat_secret"));
}

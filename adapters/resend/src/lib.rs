//! Mail through Resend.

/// What an organisation pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Nothing to pay.
    Free,
    /// Small teams.
    Pro,
    /// Larger teams.
    Team,
    /// By agreement.
    Enterprise,
}

/// A plan nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a plan is free, pro, team or enterprise")]
pub struct InvalidPlan;

/// What a plan allows; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanLimits {
    /// Spans created in a calendar month (UTC), over all projects.
    pub spans_per_month: Option<u64>,
    /// Members and open invites together.
    pub max_team_members: Option<u64>,
    /// API keys over all projects.
    pub max_api_keys: Option<u64>,
    /// Days after which traces are deleted.
    pub retention_days: u32,
}

impl Plan {
    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Team => "team",
            Self::Enterprise => "enterprise",
        }
    }

    /// Reads a plan.
    pub fn parse(word: &str) -> Result<Self, InvalidPlan> {
        let all = [Self::Free, Self::Pro, Self::Team, Self::Enterprise];
        all.into_iter().find(|plan| plan.as_str() == word).ok_or(InvalidPlan)
    }

    /// Returns the plan of a billing product: what its metadata say, else what its name contains, else free.
    pub fn of_product(name: &str, metadata_plan: Option<&str>) -> Self {
        let said = metadata_plan.and_then(|word| Self::parse(word).ok()).filter(|plan| *plan != Self::Free);
        let name = name.to_lowercase();
        let named = [Self::Enterprise, Self::Team, Self::Pro].into_iter().find(|p| name.contains(p.as_str()));
        said.or(named).unwrap_or(Self::Free)
    }

    /// Returns what the plan allows.
    pub fn limits(self) -> PlanLimits {
        let limits = |spans, members, keys, retention_days| PlanLimits {
            spans_per_month: spans,
            max_team_members: members,
            max_api_keys: keys,
            retention_days,
        };
        match self {
            Self::Free => limits(Some(10_000), Some(1), Some(1), 7),
            Self::Pro => limits(Some(1_000_000), Some(5), Some(5), 30),
            Self::Team => limits(Some(10_000_000), Some(50), None, 90),
            Self::Enterprise => limits(None, None, None, 365),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_name_their_plan() {
        assert_eq!(Plan::of_product("Traceway Team", None), Plan::Team);
        assert_eq!(Plan::of_product("Enterprise (team support)", None), Plan::Enterprise);
        assert_eq!(Plan::of_product("Something", Some("pro")), Plan::Pro);
        assert_eq!(Plan::of_product("Pro", Some("nonsense")), Plan::Pro);
        assert_eq!(Plan::of_product("Something", None), Plan::Free);
    }
}

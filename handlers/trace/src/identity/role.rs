use std::fmt;

/// One thing a caller may do; the contract calls it a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Read traces, spans, sessions, files, statistics, exports and events.
    TracesRead,
    /// Write traces and spans.
    TracesWrite,
    /// Read datasets, queues, evaluations, rules and connections.
    DatasetsRead,
    /// Write them.
    DatasetsWrite,
    /// Read analytics.
    AnalyticsRead,
    /// Team, keys, settings and billing.
    Admin,
}

/// A scope nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is none of traces_read, traces_write, datasets_read, datasets_write, analytics_read, admin, read, write"
)]
pub struct InvalidScope(pub String);

impl Permission {
    /// Every permission, in the order the contract lists them.
    pub const ALL: [Self; 6] = [
        Self::TracesRead,
        Self::TracesWrite,
        Self::DatasetsRead,
        Self::DatasetsWrite,
        Self::AnalyticsRead,
        Self::Admin,
    ];

    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TracesRead => "traces_read",
            Self::TracesWrite => "traces_write",
            Self::DatasetsRead => "datasets_read",
            Self::DatasetsWrite => "datasets_write",
            Self::AnalyticsRead => "analytics_read",
            Self::Admin => "admin",
        }
    }

    /// Returns the permission clients call `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == word)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// Everything.
    pub const ALL: Self = Self(0b11_1111);
    /// What a viewer and the preset `read` have: reading.
    pub const READ: Self =
        Self::of(&[Permission::TracesRead, Permission::DatasetsRead, Permission::AnalyticsRead]);
    /// What a member and the preset `write` have: everything but administration.
    pub const WRITE: Self = Self(Self::ALL.0 & !(1 << Permission::Admin as u8));

    /// Returns the set of these.
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < permissions.len() {
            bits |= 1 << permissions[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Returns the set that words name: permissions, or the presets `read`, `write` and `admin`. `admin` as the
    /// only word means everything, as the dashboard's preset does.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidScope> {
        let mut set = Self::default();
        for word in words {
            set = set.with(match word {
                "read" => Self::READ,
                "write" => Self::WRITE,
                "admin" => Self::ALL,
                _ => Self::of(&[Permission::parse(word).ok_or_else(|| InvalidScope(word.to_owned()))?]),
            });
        }
        Ok(set)
    }

    /// Returns both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether the permission is in the set.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Returns whether nothing is allowed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the permissions as clients write them, in the contract's order.
    pub fn names(self) -> Vec<&'static str> {
        Permission::ALL.into_iter().filter(|p| self.contains(*p)).map(Permission::as_str).collect()
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What a user is in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Member,
    /// Also manages team, keys, settings and billing.
    Admin,
    /// Like an admin; the last one cannot be removed.
    Owner,
}

/// A role nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is owner, admin, member or viewer")]
pub struct InvalidRole;

impl Role {
    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads a role; `read_only` is another word for `viewer`.
    pub fn parse(word: &str) -> Result<Self, InvalidRole> {
        match word {
            "viewer" | "read_only" => Ok(Self::Viewer),
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(InvalidRole),
        }
    }

    /// Returns what the role may do.
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Viewer => Permissions::READ,
            Self::Member => Permissions::WRITE,
            Self::Admin | Self::Owner => Permissions::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_expand_to_what_the_contract_lists() {
        let names = |word: &str| Permissions::parse([word]).map(Permissions::names);
        assert_eq!(names("read"), Ok(vec!["traces_read", "datasets_read", "analytics_read"]));
        let write = ["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read"];
        assert_eq!(names("write"), Ok(write.to_vec()));
        assert_eq!(names("admin"), Ok(Permissions::ALL.names()));
        assert_eq!(names("traces_write"), Ok(vec!["traces_write"]));
    }

    #[test]
    fn unknown_scopes_are_named() {
        assert_eq!(Permissions::parse(["read", "root"]), Err(InvalidScope("root".to_owned())));
    }

    #[test]
    fn only_admins_and_owners_administer() {
        let may = |role: Role| role.permissions().contains(Permission::Admin);
        assert_eq!(
            [Role::Viewer, Role::Member, Role::Admin, Role::Owner].map(may),
            [false, false, true, true]
        );
        assert!(!Role::Viewer.permissions().contains(Permission::TracesWrite));
    }

    #[test]
    fn roles_read_back() {
        for role in [Role::Viewer, Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(Role::parse(role.as_str()), Ok(role));
        }
        assert_eq!(Role::parse("read_only"), Ok(Role::Viewer));
        assert_eq!(Role::parse("root"), Err(InvalidRole));
    }
}

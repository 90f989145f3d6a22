import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import type { ApiKey, Invite, Member, Org, Usage } from "../api/types";

const list = <Answer>(name: string, path: string) =>
  queryOptions({ queryKey: [name], queryFn: ({ signal }) => api.get<Answer>(path, { signal }) });

export const orgQuery = list<Org>("org", "/api/org");
export const keysQuery = list<ApiKey[]>("api-keys", "/api/org/api-keys");
export const membersQuery = list<Member[]>("members", "/api/org/members");
export const invitesQuery = list<Invite[]>("invites", "/api/org/invites");
export const usageQuery = list<Usage>("usage", "/api/org/usage");

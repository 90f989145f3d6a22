import { useContext, useState } from "react";
import { AccountContext, isVisitor, enter } from "../account/account";
import { api } from "../api/client";
import { TextField } from "../components/Field";
import { useSubmit } from "../components/submit";
import { Door, DoorLink, EmailField, PasswordField, Refused, SHORTEST, Submit, useDoorSearch, weakness } from "./Door";
import { GoOn } from "./GoOn";
import { nextOf } from "./paths";

/** Makes an account with an organisation of its own. */
export default function SignupPage() {
  const search = useDoorSearch();
  const isIn = !isVisitor(useContext(AccountContext));
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [name, setName] = useState("");
  const [org, setOrg] = useState("");
  const [weak, setWeak] = useState<string | null>(null);
  const form = useSubmit(async () => {
    const tooWeak = weakness(password);
    setWeak(tooWeak);
    if (tooWeak !== null) return;
    await api.post("/api/auth/signup", { email, password, name, org_name: org });
    enter(nextOf(search));
  });
  if (isIn) return <GoOn to={nextOf(search)} />;
  const taken = form.besides("email", "password", "name", "org_name");
  return (
    <Door title="Create an account" about="Free for one person and 10,000 spans a month." foot={<>Have an account? <DoorLink to="/login">Log in</DoorLink></>}>
      <form onSubmit={form.submit} className="flex flex-col gap-4">
        {taken !== null && <Refused>{taken}</Refused>}
        <EmailField value={email} onChange={setEmail} error={form.of("email")} />
        <PasswordField
          label="Password"
          name="new-password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          hint={`At least ${SHORTEST} characters.`}
          error={weak ?? form.of("password")}
        />
        <TextField size="large" label="Your name" name="name" autoComplete="name" maxLength={200} value={name} onChange={(event) => setName(event.target.value)} error={form.of("name")} />
        <TextField
          size="large"
          label="Organisation"
          name="organization"
          autoComplete="organization"
          maxLength={200}
          value={org}
          onChange={(event) => setOrg(event.target.value)}
          hint="What your team is called. Left empty, it is named after you."
          error={form.of("org_name")}
        />
        <Submit busy={form.busy}>Create account</Submit>
      </form>
    </Door>
  );
}

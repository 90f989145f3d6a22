import { useContext, useState } from "react";
import { AccountContext, isVisitor, enter } from "../account/account";
import { api } from "../api/client";
import { useSubmit } from "../components/submit";
import { Door, DoorLink, EmailField, PasswordField, Refused, Submit, useDoorSearch } from "./Door";
import { GoOn } from "./GoOn";
import { nextOf } from "./paths";

/** Logs in with e-mail and password. */
export default function LoginPage() {
  const search = useDoorSearch();
  const isIn = !isVisitor(useContext(AccountContext));
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const form = useSubmit(async () => {
    await api.post("/api/auth/login", { email, password });
    enter(nextOf(search));
  });
  if (isIn) return <GoOn to={nextOf(search)} />;
  return (
    <Door title="Log in" foot={<>New to Traceway? <DoorLink to="/signup">Sign up</DoorLink></>}>
      <form onSubmit={form.submit} className="flex flex-col gap-4">
        {form.besides("email") !== null && <Refused>{form.besides("email")}</Refused>}
        <EmailField value={email} onChange={setEmail} error={form.of("email")} />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          aside={<DoorLink to="/forgot-password">Forgot it?</DoorLink>}
        />
        <Submit busy={form.busy}>Log in</Submit>
      </form>
    </Door>
  );
}

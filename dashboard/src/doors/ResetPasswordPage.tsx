import { useState } from "react";
import { api } from "../api/client";
import { useSubmit } from "../components/submit";
import { Door, DoorLink, PasswordField, Refused, SHORTEST, Submit, useDoorSearch, weakness } from "./Door";

/** Sets a new password with the link of a mail. */
export default function ResetPasswordPage() {
  const { token } = useDoorSearch();
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [weak, setWeak] = useState<string | null>(null);
  const [differs, setDiffers] = useState(false);
  const [done, setDone] = useState(false);
  const form = useSubmit(async () => {
    const tooWeak = weakness(password);
    const isDifferent = tooWeak === null && password !== again;
    setWeak(tooWeak);
    setDiffers(isDifferent);
    if (tooWeak !== null || isDifferent) return;
    await api.post("/api/auth/reset-password", { token, password });
    setDone(true);
  });
  const back = <DoorLink to="/login">Back to log in</DoorLink>;
  if (token === undefined || form.refusal?.field === "token") {
    return (
      <Door title="This link does not work" foot={back}>
        <p role="alert">{token === undefined ? "The address holds no token: perhaps it was cut off in the mail." : form.refusal?.text}</p>
        <p className="mt-3 text-muted">
          A link works once, for one hour. <DoorLink to="/forgot-password">Ask for a new one</DoorLink>
        </p>
      </Door>
    );
  }
  if (done) {
    return (
      <Door title="Your password is changed">
        <p role="status">Every session from before has ended. Log in with the new password.</p>
        <DoorLink to="/login" className="mt-4 flex h-9 items-center justify-center rounded-md border border-accent bg-accent text-[14px] font-medium text-on-accent! no-underline!">
          Log in
        </DoorLink>
      </Door>
    );
  }
  return (
    <Door title="Set a new password" foot={back}>
      <form onSubmit={form.submit} className="flex flex-col gap-4">
        {form.besides("password") !== null && <Refused>{form.besides("password")}</Refused>}
        <PasswordField
          label="New password"
          name="new-password"
          autoComplete="new-password"
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          hint={`At least ${SHORTEST} characters.`}
          error={weak ?? form.of("password")}
        />
        <PasswordField
          label="The same again"
          name="new-password-again"
          autoComplete="new-password"
          value={again}
          onChange={(event) => setAgain(event.target.value)}
          error={differs ? "The two passwords differ." : null}
        />
        <Submit busy={form.busy}>Set password</Submit>
      </form>
    </Door>
  );
}

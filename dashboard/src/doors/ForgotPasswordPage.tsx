import { useState } from "react";
import { api } from "../api/client";
import { Button } from "../components/Button";
import { useSubmit } from "../components/submit";
import { Door, DoorLink, EmailField, Refused, Submit } from "./Door";

/** Asks for a link to set a new password. What it says does not tell who has an account. */
export default function ForgotPasswordPage() {
  const [email, setEmail] = useState("");
  const [sentTo, setSentTo] = useState<string | null>(null);
  const form = useSubmit(async () => {
    await api.post("/api/auth/forgot-password", { email });
    setSentTo(email.trim());
  });
  const back = <DoorLink to="/login">Back to log in</DoorLink>;
  if (sentTo !== null) {
    return (
      <Door title="Look into your mail" foot={back}>
        <p role="status">
          If <span className="font-medium break-words">{sentTo}</span> has an account, a link to set a new password is on its way there. It works for one hour.
        </p>
        <p className="mt-3 text-muted">Nothing there after a few minutes? Look among the spam, or check the address.</p>
        <Button className="mt-4" onClick={() => setSentTo(null)}>Use another address</Button>
      </Door>
    );
  }
  return (
    <Door title="Forgot your password?" about="We send a link to set a new one." foot={back}>
      <form onSubmit={form.submit} className="flex flex-col gap-4">
        {form.besides("email") !== null && <Refused>{form.besides("email")}</Refused>}
        <EmailField value={email} onChange={setEmail} error={form.of("email")} />
        <Submit busy={form.busy}>Send the link</Submit>
      </form>
    </Door>
  );
}

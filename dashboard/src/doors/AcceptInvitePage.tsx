import { useContext, useState } from "react";
import { AccountContext, enter, isVisitor } from "../account/account";
import { api, ApiError } from "../api/client";
import { TextField } from "../components/Field";
import { useSubmit } from "../components/submit";
import { Door, DoorLink, PasswordField, Refused, SHORTEST, Submit, useDoorSearch } from "./Door";
import { nextOf } from "./paths";

/** Joins an organisation with the link of a mail: with a new account, the password of one, or the session of one. */
export default function AcceptInvitePage() {
  const search = useDoorSearch();
  const account = useContext(AccountContext);
  const known = account.mode === "cloud" && !isVisitor(account) ? account.user.email : null;
  const [asOther, setAsOther] = useState(false);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const withSession = known !== null && !asOther;
  const form = useSubmit(async () => {
    const { token } = search;
    await api.post("/api/auth/accept-invite", withSession ? { token } : { token, name, password });
    enter(nextOf(search));
  });

  const end = search.token === undefined ? "The address holds no token: perhaps it was cut off in the mail." : endOf(form.refusal?.error, form.refusal?.text);
  if (end !== null) {
    return (
      <Door title="This invite does not work" foot={known === null ? <DoorLink to="/login">Back to log in</DoorLink> : <a href="/" className="text-accent hover:underline">Back to Traceway</a>}>
        <p role="alert">{end}</p>
        <p className="mt-3 text-muted">An invite works once, for seven days. Whoever invited you can send another.</p>
      </Door>
    );
  }
  if (form.refusal?.error instanceof ApiError && form.refusal.error.status === 409) {
    return (
      <Door title="You are in already">
        <p role="alert">{form.refusal.text}</p>
        <DoorLink to="/login" className="mt-3 inline-block">{known === null ? "Log in" : "Back to Traceway"}</DoorLink>
      </Door>
    );
  }
  // A session without a password is refused when the invite is for somebody else's address.
  const isForAnother = withSession && form.refusal?.field === "password";
  if (withSession) {
    return (
      <Door title="Accept the invite" about="You have been invited to an organisation on Traceway.">
        <form onSubmit={form.submit} className="flex flex-col gap-4">
          {isForAnother ? (
            <Refused>The invite is for another address than {known}.</Refused>
          ) : (
            form.refusal !== null && <Refused>{refusalOf(form.refusal.error, form.refusal.text)}</Refused>
          )}
          {!isForAnother && <Submit busy={form.busy}>Join as {known}</Submit>}
          <button
            type="button"
            className="text-left text-accent hover:underline"
            onClick={() => {
              form.forget();
              setAsOther(true);
            }}
          >
            Join with the address the invite was sent to
          </button>
        </form>
      </Door>
    );
  }
  return (
    <Door title="Accept the invite" about="You have been invited to an organisation on Traceway. Set a password for your new account, or enter the one of the account you have.">
      <form onSubmit={form.submit} className="flex flex-col gap-4">
        {form.besides("password", "name") !== null && <Refused>{refusalOf(form.refusal?.error, form.refusal?.text)}</Refused>}
        <TextField
          size="large"
          label="Your name"
          name="name"
          autoComplete="name"
          autoFocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="Not needed with an account you have."
          error={form.of("name")}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          hint={`A new one has at least ${SHORTEST} characters.`}
          error={form.of("password")}
        />
        <Submit busy={form.busy}>Join</Submit>
      </form>
    </Door>
  );
}

/** Says why an invite is of no use any more, when that is so. */
function endOf(error: unknown, text: string | undefined): string | null {
  if (!(error instanceof ApiError)) return null;
  const isOver = error.status === 410 || (error.status === 400 && error.field === "token");
  return isOver ? (text ?? null) : null;
}

function refusalOf(error: unknown, text: string | undefined): string | undefined {
  if (error instanceof ApiError && error.code === "plan_limit_reached") {
    return "The organisation has as many members as its plan allows. Ask whoever invited you to upgrade it or to make room.";
  }
  return text;
}

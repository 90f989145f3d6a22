import { useAccount } from "../account/account";
import { DangerZone } from "./DangerZone";
import { ProjectForm } from "./ProjectForm";
import { ProxyLines } from "./ProxyLines";
import { ServerLines } from "./ServerLines";

/** The project, the server, and what cannot be undone. */
export default function GeneralSection() {
  const account = useAccount();
  return (
    <>
      <h2 className="sr-only">General</h2>
      {account.mode === "cloud" && <ProjectForm key={account.project.id} account={account} />}
      <ServerLines />
      {account.mode === "local" && <ProxyLines account={account} />}
      <DangerZone />
    </>
  );
}

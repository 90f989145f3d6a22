import { useAccount } from "../account/account";
import { ThemeSwitch } from "../shell/ThemeSwitch";
import { DangerZone } from "./DangerZone";
import { Line, Lines, Section } from "./Parts";
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
      {account.mode === "local" && <ProxyLines />}
      {/* Where there is a sidebar, it is there. */}
      <div className="md:hidden">
        <Section title="Appearance">
          <Lines>
            <Line name="Theme">
              <ThemeSwitch />
            </Line>
          </Lines>
        </Section>
      </div>
      <DangerZone />
    </>
  );
}

import { use, useReducer, type ReactNode } from "react";
import { PageMissing } from "./PageMissing";

/** A page whose script is loaded when one goes there. One that cannot be loaded says so, with the frame around it. */
export function lazyPage(load: () => Promise<{ default: () => ReactNode }>) {
  let Page: (() => ReactNode) | undefined;
  let loading: Promise<void> | undefined;
  let failed = false;
  const preload = (): Promise<void> => {
    loading ??= load().then(
      (module) => {
        Page = module.default;
        failed = false;
      },
      () => {
        failed = true;
        loading = undefined;
      },
    );
    return loading;
  };
  const Lazy = () => {
    const [, redraw] = useReducer((count: number) => count + 1, 0);
    if (Page !== undefined) return <Page />;
    if (failed) {
      return (
        <PageMissing
          onRetry={async () => {
            await preload();
            redraw();
            return !failed;
          }}
        />
      );
    }
    use(preload());
    return null;
  };
  Lazy.preload = preload;
  return Lazy;
}

/** Loads a part of the app, again and again while the server cannot be reached. */
export async function patiently<Part>(load: () => Promise<Part>): Promise<Part> {
  for (;;) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    }
  }
}

import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `TRACEWAY_URL` is the server that `npm run dev` shows. It is told the host the browser knows, since it gives its
// session to pages of its own host only.
const target = { target: process.env.TRACEWAY_URL ?? "http://localhost:3000", changeOrigin: false };

export default defineConfig({
  plugins: [react(), tailwind()],
  build: { target: "es2022", chunkSizeWarningLimit: 700 },
  server: { port: 5173, proxy: { "/api": target, "/v1": target, "/proxy": target } },
});

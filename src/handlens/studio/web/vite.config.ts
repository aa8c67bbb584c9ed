import { defineConfig } from 'vitest/config'

// `npm run dev` serves the page itself and hands everything under /api to a running `handlens studio`.
const server = process.env.HANDLENS_URL ?? 'http://127.0.0.1:8600'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../server/page',
    emptyOutDir: true,
    target: 'es2022',
    // No inlined data: URLs, so that the server can send a strict Content-Security-Policy.
    assetsInlineLimit: 0,
    // The page holds parts of these packages, whose licences ask to be given along.
    license: { fileName: 'licenses.md' },
  },
  // The server checks Host and Origin: the proxy asks as its own page would.
  server: { proxy: { '/api': { target: server, changeOrigin: true, headers: { origin: server } } } },
  // The tests of contrast read the colours from the style sheet.
  // Only a failing test takes that long, on any machine.
  test: { include: ['tests/**/*.test.ts', 'src/**/*.test.ts'], css: true, testTimeout: 120_000, hookTimeout: 120_000 },
})

// The provider's few pages. Every value is escaped; nothing is loaded from anywhere else.

import { readFileSync } from 'node:fs';

const STYLE = readFileSync(new URL('./style.css', import.meta.url));
const POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

function page(institution, title, body) {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escape(title)} · ${escape(institution)}</title>
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main>
    <header><span class="seal" aria-hidden="true"></span><p>${escape(institution)}</p></header>
    <h1>${escape(title)}</h1>
${body}
  </main>
</body>
</html>`;
}

export function loginPage(institution, uid, { login = '', problem = '', asksCode = false }) {
  const code = asksCode ? `
      <label for="code">One-time code</label>
      <input id="code" name="code" autocomplete="one-time-code" inputmode="numeric">` : '';
  const alert = problem ? `<p class="problem" role="alert">${escape(problem)}</p>` : '';
  return page(institution, 'Sign in', `
    <p>to continue to <strong>beamside</strong>, Jupyter at the side of the beam</p>
    ${alert}
    <form method="post" action="/interaction/${escape(uid)}">
      <label for="login">User name</label>
      <input id="login" name="login" value="${escape(login)}" autocomplete="username" autocapitalize="none" required autofocus>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required>${code}
      <button type="submit">Sign in</button>
    </form>`);
}

export function errorPage(institution, words) {
  return page(institution, 'Sign-in stopped', `    <p class="problem" role="alert">${escape(words)}</p>`);
}

export function send(response, status, html) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  response.end(html);
}

export function sendStyle(response) {
  response.writeHead(200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'max-age=3600' });
  response.end(STYLE);
}

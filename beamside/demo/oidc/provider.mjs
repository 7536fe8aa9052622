// The home institution of the demo's people: a certified OpenID Connect provider with a sign-in page of its own.
//
//   node provider.mjs CONFIG
//
// CONFIG is a JSON file that only this process may read:
//   issuer, port, modules (the node_modules folder), institution (its name), jwks (private signing keys),
//   cookie_keys, clients (their public keys), people ({login, claims, password: {salt, hash}, second}; scrypt, base64url).
// `second` ({acr, salt, hash}) is a second factor: it is asked for where the hub asks for that acr.
// It listens on 127.0.0.1 only and keeps sessions in memory: a restart signs everybody out. At SIGHUP it reads `people`
// anew and keeps the sessions of those who are still there: whoever is not, has left the institution.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { passwordMatches } from './passwords.mjs';
import { errorPage, loginPage, send, sendStyle } from './pages.mjs';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const installed = createRequire(path.join(config.modules, 'resolve-from-here.js'));
const { Provider } = await import(pathToFileURL(installed.resolve('oidc-provider')));
const people = new Map();
const bySubject = new Map();
takeIn(config.people);

const HOUR = 3600;
const BY_SCOPE = { profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] };
const told = new Set(['sub', 'acr', ...Object.values(BY_SCOPE).flat()]);
// whatever else an institution says of a person (idp, eduperson_entitlement) comes with every sign-in
const further = [...new Set(config.people.flatMap((person) => Object.keys(person.claims)))].filter((name) => !told.has(name));
const provider = new Provider(config.issuer, {
  clients: config.clients,
  jwks: config.jwks,
  cookies: {
    keys: config.cookie_keys,
    names: { session: 'institution-session', interaction: 'institution-interaction', resume: 'institution-resume' },
  },
  claims: {
    openid: ['sub', 'acr', 'auth_time', ...further],
    ...BY_SCOPE,
  },
  // the hub learns who signed in from the signed ID token alone
  conformIdTokenClaims: false,
  acrValues: [...new Set(config.people.flatMap((person) => [person.claims.acr, person.second?.acr ?? person.claims.acr]))],
  clientAuthMethods: [...new Set(config.clients.map((client) => client.token_endpoint_auth_method))],
  responseTypes: ['code'],
  scopes: ['openid', 'offline_access'],
  pkce: { required: () => true },
  // the institution's own hub: no consent screen, and a refresh token without asking for offline access
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  loadExistingGrant: grantWhatWasAsked,
  findAccount: async (ctx, sub) => {
    const person = bySubject.get(sub);
    return person && { accountId: sub, claims: async () => person.claims };
  },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  renderError: async (ctx, out) => {
    ctx.type = 'html';
    ctx.body = errorPage(config.institution, out.error_description || out.error);
  },
  ttl: {
    AccessToken: HOUR,
    AuthorizationCode: 60,
    Grant: 14 * 24 * HOUR,
    IdToken: HOUR,
    Interaction: HOUR,
    RefreshToken: 14 * 24 * HOUR,
    Session: 14 * 24 * HOUR,
  },
});

function takeIn(found) {
  people.clear();
  bySubject.clear();
  for (const person of found) {
    people.set(person.login, person);
    bySubject.set(person.claims.sub, person);
  }
}

async function grantWhatWasAsked(ctx) {
  const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
  const grant = (known && await ctx.oidc.provider.Grant.find(known)) || new ctx.oidc.provider.Grant({
    accountId: ctx.oidc.session.accountId,
    clientId: ctx.oidc.client.clientId,
  });
  grant.addOIDCScope('openid profile email offline_access');
  await grant.save();
  return grant;
}

async function readForm(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 4096) throw new Error('the form is larger than a name and a password can be');
  }
  return new URLSearchParams(text);
}

async function signIn(request, response) {
  const details = await provider.interactionDetails(request, response);
  const wanted = (details.params.acr_values ?? '').split(' ');
  const asksCode = config.people.some((person) => wanted.includes(person.second?.acr));
  if (request.method !== 'POST') {
    send(response, 200, loginPage(config.institution, details.uid, { asksCode }));
    return;
  }
  const form = await readForm(request);
  const login = form.get('login') ?? '';
  const person = people.get(login);
  if (!await passwordMatches(form.get('password') ?? '', person?.password)) {
    const problem = 'The user name and the password do not belong together. Check both and try again.';
    send(response, 401, loginPage(config.institution, details.uid, { login, problem, asksCode }));
    return;
  }
  const code = form.get('code') ?? '';
  if (code && !await passwordMatches(code, person.second)) {
    const problem = 'The one-time code is not right. Leave it out to sign in without it.';
    send(response, 401, loginPage(config.institution, details.uid, { login, problem, asksCode }));
    return;
  }
  const result = { login: { accountId: person.claims.sub, acr: code ? person.second.acr : person.claims.acr, remember: false } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const answer = provider.callback();
const server = createServer((request, response) => {
  if (request.url === '/style.css') {
    sendStyle(response);
  } else if (request.url.startsWith('/interaction/')) {
    signIn(request, response).catch((error) => {
      const words = 'This sign-in has ended or was opened in another window. Go back to the hub and sign in again.';
      console.error(`sign-in failed: ${error.name}: ${error.message}`);
      send(response, 400, errorPage(config.institution, words));
    });
  } else {
    answer(request, response);
  }
});
server.listen(config.port, '127.0.0.1', () => console.log(`${config.issuer} answers`));
process.on('SIGHUP', () => {
  takeIn(JSON.parse(readFileSync(process.argv[2], 'utf8')).people);
  console.log(`${people.size} people are known now`);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

import { expect, test } from 'vitest';

import { hubOf } from '../src/hub';
import { saveChanged } from '../src/saving';
import { ending, saved, sentence } from '../src/sentences';
import { ahead, ENGLISH, job, NOON } from './parts';

const MOST = 140; // characters that JupyterLab shows of a notice
const NOW = new Date(NOON).toISOString();
const LONG = 'x'.repeat(200);

/** A view of a document that has a path and may be written, but for what is said. */
function view(path: string, rest: { dirty?: boolean; writable?: boolean; save?: () => Promise<void> } = {}) {
  const model = { dirty: rest.dirty ?? true };
  const save = async () => {
    model.dirty = false;
  };
  return { context: { path, model, contentsModel: { writable: rest.writable ?? true }, save: rest.save ?? save } };
}

test('only what has changes and may be written is saved, once, and a failure holds up no other', async () => {
  const one = view('a/one.txt');
  const broken = view('broken.ipynb', { save: () => Promise.reject(new Error('disk full')) });
  const still = view('still.txt', { save: () => Promise.resolve() }); // a question was answered with no

  const found = await saveChanged([
    one,
    one,
    broken,
    still,
    view('clean.txt', { dirty: false }),
    view('read-only.txt', { writable: false }),
    { context: 'a terminal' },
    {}
  ]);

  expect(found.saved).toEqual(['a/one.txt']);
  expect(found.failed.sort()).toEqual(['broken.ipynb', 'still.txt']);
});

test.each([
  [{ saved: [], failed: [] }, 'Nothing was unsaved.'],
  [{ saved: ['a'], failed: [] }, 'Your changed document was saved.'],
  [{ saved: ['a', 'b'], failed: [] }, 'Your 2 changed documents were saved.'],
  [{ saved: ['a'], failed: ['deep/b.ipynb'] }, 'Not saved: b.ipynb. Download it now.']
])('%o reads: %s', (became, words) => {
  expect(saved(NOW, became, ENGLISH)).toMatch(/^This session ends at .*\. /);
  expect(saved(NOW, became, ENGLISH).endsWith(`. ${words}`)).toBe(true);
});

test('a warning says how long, until when, and what to do', () => {
  const words = sentence({ kind: 'end', minutes: 15 }, ahead(14.2), null, NOON, ENGLISH);

  expect(words).toMatch(/^This session ends at .*:.*, in 15 minutes: .* Save your work\.$/);
});

test('a session that ends with its reservation says so by name', () => {
  const found = ending(ahead(1, { by: 'reservation' }), job('7', { reservation: 'beam-042' }), NOON, ENGLISH);

  expect(found).toMatch(/^This session ends with its reservation beam-042 at .*, in 1 minute\.$/);
});

test('past its end a session may end at any moment', () => {
  expect(ending(ahead(-1), null, NOON, ENGLISH)).toBe('This session may end at any moment.');
});

test('what others wrote can neither turn a notice around nor push its end out of sight', () => {
  const outage = { id: 'o', resource: LONG, starts: NOW, ends: null, description: `\u202e${LONG}`, state: 'degraded' };
  const theirs = job('7', { reservation: LONG });
  const all = [
    sentence({ kind: 'outage', outage }, ahead(60), theirs, NOON, ENGLISH),
    sentence({ kind: 'reservation-gone' }, ahead(60), theirs, NOON, ENGLISH),
    sentence({ kind: 'end', minutes: 1 }, ahead(1, { by: 'reservation' }), theirs, NOON, ENGLISH),
    saved(NOW, { saved: [], failed: [LONG] }, ENGLISH)
  ];

  expect(all.map(({ length }) => length).filter(length => length > MOST)).toEqual([]);
  expect(all.join()).not.toContain('\u202e');
});

test('an outage of the whole facility says so', () => {
  const outage = { id: 'o', resource: '', starts: NOW, ends: null, description: 'new disks', state: 'down' };

  const words = sentence({ kind: 'outage', outage }, ahead(60), null, NOON, ENGLISH);

  expect(words).toMatch(/^The whole facility is out of order from .*: new disks$/);
});

test('the pages of the hub are those of this very server', () => {
  const urls = { base: '/user/ana/night/', hubPrefix: '/hub/', hubHost: '', hubUser: 'ana b', hubServerName: 'night' };

  expect(hubOf(urls)).toEqual({ home: '/hub/home', start: '/hub/spawn/ana%20b/night', why: '/user/ana/night/' });
  expect(hubOf({ base: '/' })).toBeNull();
});

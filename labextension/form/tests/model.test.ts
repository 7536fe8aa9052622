import { expect, test } from 'vitest';

import { Model, SILENT } from '../src/model';
import type { ILive } from '../src/wire';

const LIVE: ILive = {
  notices: [],
  cards: {},
  reservations: [{ name: 'beam-042', starts_in_seconds: 60, ends_in_seconds: 3660, nodes: 2, free_nodes: 1 }],
  schema: { properties: { walltime: {} } }
};

function begun() {
  const clock = { now: 100 };
  return { clock, model: new Model(() => clock.now) };
}

test('a countdown runs between two answers by the clock of the page, from the seconds of the hub', () => {
  const { clock, model } = begun();
  model.answered(LIVE);
  clock.now += 90;

  expect(model.times('beam-042')).toEqual({ opens: -30, ends: 3570 });
  expect(model.times('unknown')).toBeNull();
});

test('an answer that nothing changed ends a silence and keeps what was told', () => {
  const { clock, model } = begun();
  model.answered(LIVE);
  clock.now += SILENT + 1;
  const silence = model.silence;
  model.answered(null);

  expect([silence, model.silence, model.live]).toEqual([SILENT + 1, 0, LIVE]);
  expect(model.times('beam-042')?.opens).toBe(60 - SILENT - 1);
});

test('before the first answer nothing is refused and no name is an option', () => {
  const { model } = begun();

  expect([model.refusals([['walltime', 'soon']]), model.isOption('walltime'), model.longest([])]).toEqual([[], false, null]);
});

test('a choice that goes against the others says why, whatever is chosen there now', () => {
  const { model } = begun();
  const small = { not: { const: 'beam-042' }, errorMessage: { not: 'beam-042 has 2 nodes' } };
  const asked = { properties: { nodes: { type: 'integer', minimum: 3 } }, required: ['nodes'] };
  const properties = { reservation: { type: 'string' }, nodes: { type: 'integer' } };
  model.answered({ ...LIVE, schema: { properties, allOf: [{ if: asked, then: { properties: { reservation: small } } }] } });

  expect(model.against('reservation', 'beam-042', [['nodes', '3']])).toBe('beam-042 has 2 nodes');
  expect(model.against('reservation', 'beam-042', [['nodes', '2'], ['reservation', 'other']])).toBe('');
});

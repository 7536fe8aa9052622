/** The spawn form, live. It is whole without this: everything here is told by the server too, once. */

import { Beat } from './beat';
import { Cards, inOwnZone } from './cards';
import { Fields } from './fields';
import { Hub } from './hub';
import { JudgePanel } from './judge';
import { Model } from './model';
import { Notices } from './notices';
import { readAnswer, refusals } from './rules';
import { liveSearch } from './search';
import { Voice } from './voice';
import { capWalltime } from './walltime';

const EVERY = 10_000;
const LIMITING = new Set(['reservation', 'partition', 'qos', 'account']);

function begin(form: HTMLElement, { live = '', judge = '', xsrf = '' }: DOMStringMap): void {
  const hub = new Hub({ live, judge, xsrf });
  const model = new Model();
  const fields = new Fields(form);
  const cards = new Cards(form, model);
  const notices = new Notices(form, model);
  const voice = new Voice(form);
  const choices = (): [string, string][] => fields.texts().filter(([name]) => model.isOption(name));
  const panel = new JudgePanel(form, hub, choices, ({ refusal }) => {
    if (refusal) {
      fields.refuse([refusal]);
      voice.say(refusal.reason);
    }
  });
  let chosen = false; // what the server drew stands until somebody chooses

  const look = (): void => {
    const refused = model.refusals(fields.texts());
    fields.refuse(refused);
    cards.weigh(fields.texts());
    if (refused[0]) {
      voice.say(refused[0].reason);
      panel.clear('Change what is marked above; then cost and start are told here.');
    } else {
      panel.ask();
    }
  };

  form.addEventListener('change', event => {
    const name = event.target instanceof Element ? event.target.getAttribute('name') ?? '' : '';
    if (!model.isOption(name)) {
      return;
    }
    chosen = true;
    if (LIMITING.has(name)) {
      voice.say(capWalltime(fields, model, usualWalltime(model)));
    }
    look();
  });

  const draw = (): void => {
    cards.draw();
    cards.weigh(fields.texts());
    notices.draw();
    if (chosen) {
      look();
    }
  };

  const beat = new Beat(async () => {
    const first = model.live === null;
    try {
      const told = await hub.live();
      model.answered(told);
      if (told) {
        draw();
      }
    } catch {
      // a hub that restarts answers again; how long it has been silent is told by the notices
    }
    notices.draw();
    if (first && model.live) {
      capWalltime(fields, model, usualWalltime(model));
      panel.ask();
    }
  }, EVERY);

  liveSearch(form, 'image', words => voice.say(words));
  setInterval(() => {
    cards.count();
    notices.draw();
  }, 1000);
  beat.wake();
}

function usualWalltime(model: Model): number {
  return Number(model.live?.schema.properties?.['walltime']?.['default'] ?? 0);
}

for (const time of document.querySelectorAll<HTMLTimeElement>('.bs-form time')) {
  inOwnZone(time);
}
const form = document.querySelector<HTMLElement>('.bs-form[data-live]');
if (form) {
  begin(form, form.dataset);
}

export { readAnswer, refusals }; // so that the page's judgement can be held against the door's

import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { useModel, useNow } from './hooks';
import { clockIcon, warningIcon } from './icons';
import type { JobsModel } from './model';
import { inWords, moment, timeLeft } from './time';
import { CommandIDs } from './tokens';

/** Milliseconds before the end from which the item warns. */
const SOON = 15 * 60_000;

interface ISessionProps {
  model: JobsModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Time left of the job that this JupyterLab runs in; nothing outside a job. */
function SessionItem({ model, commands, trans }: ISessionProps): JSX.Element | null {
  useModel(model);
  const now = useNow(model);
  if (!model.sessionJobId) {
    return null;
  }
  const ends = model.ahead?.ends ?? null;
  const left = timeLeft(ends, now);
  const isSure = model.knowledge?.known ?? false;
  const isSoon = left !== null && left <= SOON;
  const Icon = isSoon || !isSure ? warningIcon.react : clockIcon.react;
  return (
    <button
      className={isSoon ? 'bs-Session bs-mod-soon' : 'bs-Session'}
      title={explanation(model, ends, trans)}
      onClick={() => void commands.execute(CommandIDs.open)}
    >
      <Icon tag="span" className="bs-Icon" aria-hidden="true" />
      <span role="timer">
        {left === null ? trans.__('End of session not known') : trans.__('%1 left', inWords(left, trans))}
      </span>
      {left !== null && !isSure && <span>{trans.__('(not confirmed)')}</span>}
    </button>
  );
}

function explanation(model: JobsModel, ends: string | null, trans: TranslationBundle): string {
  const job = trans.__('This JupyterLab runs in job %1.', model.sessionJobId);
  const end = ends ? trans.__('This session ends at %1; save your work before.', moment(ends)) : trans.__('Its end is not known.');
  const problem = model.knowledge?.problem;
  return [job, end, problem?.what].filter(Boolean).join(' ');
}

/** The item of the status bar. */
export class SessionWidget extends ReactWidget {
  constructor(private readonly _props: ISessionProps) {
    super();
    this.addClass('bs-SessionWidget');
  }

  protected override render(): JSX.Element {
    return <SessionItem {...this._props} />;
  }
}

import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { useNow } from './hooks';
import { stateIcons } from './icons';
import type { JobsModel } from './model';
import { ago, inWords, timeLeft } from './time';
import type { IJob } from './wire';
import { kindOf, printable, stateInWords } from './words';

export interface ICellProps {
  job: IJob;
  model: JobsModel;
  trans: TranslationBundle;
}

/** The state as icon and word, and why the job waits or has ended. */
export function State({ job, model, trans }: ICellProps): JSX.Element {
  const kind = kindOf(job);
  const Icon = stateIcons[kind].react;
  return (
    <>
      <span className={`bs-State bs-mod-${kind}`} title={job.reason ? `${job.state_word} (${job.reason})` : job.state_word}>
        <Icon tag="span" className="bs-Icon" aria-hidden="true" />
        {stateInWords(job, trans)}
      </span>
      {model.isCancelling(job.id) && <span className="bs-Note">{trans.__('Cancelling')}</span>}
      {job.why && <span className="bs-Why">{job.why}</span>}
    </>
  );
}

/** Name and id, and whether it is the job that this JupyterLab runs in. */
export function Name({ job, model, trans }: ICellProps): JSX.Element {
  return (
    <>
      <bdi className="bs-Name" title={printable(job.name)}>
        {printable(job.name)}
      </bdi>
      <span className="bs-Id">{job.id}</span>
      {job.id === model.sessionJobId && <span className="bs-Badge">{trans.__('This session')}</span>}
    </>
  );
}

/** The nodes granted, or how many are asked for. */
export function Nodes({ job, trans }: ICellProps): JSX.Element {
  return <>{job.node_list ? printable(job.node_list) : trans._n('%1 node', '%1 nodes', job.node_count, job.node_count)}</>;
}

/** Time left while it runs, the estimated start while it waits; counts down by itself. */
export function Time({ job, model, trans }: ICellProps): JSX.Element {
  const now = useNow(model);
  if (job.is_final) {
    return <>{job.ends ? trans.__('ended %1', ago(job.ends, now, trans)) : ''}</>;
  }
  if (job.is_waiting) {
    const until = timeLeft(job.starts, now);
    return <>{until ? trans.__('starts in about %1', inWords(until, trans)) : trans.__('start not known')}</>;
  }
  const left = timeLeft(job.ends, now);
  return <>{left === null ? trans.__('no end told') : trans.__('%1 left', inWords(left, trans))}</>;
}

/** What the job is charged to, and the reservation it runs in. */
export function Charged({ job, trans }: ICellProps): JSX.Element {
  const parts = [job.account, job.qos].filter(Boolean).map(printable).join(' · ');
  const reservation = job.reservation && trans.__('reservation %1', printable(job.reservation));
  return <>{[parts, reservation].filter(Boolean).join(' · ')}</>;
}

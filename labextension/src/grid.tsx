import { CommandRegistry } from '@lumino/commands';
import { TranslationBundle } from '@jupyterlab/translation';
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import React, { KeyboardEvent, useEffect, useRef, useState } from 'react';

import { rowAfter } from './keyboard';
import type { JobsModel } from './model';
import { Charged, ICellProps, Name, Nodes, State, Time } from './row';
import { CommandIDs } from './tokens';
import type { IJob } from './wire';

const ROW_HEIGHT = 84; // px in a narrow panel; each row is then measured

interface IColumn {
  name: string;
  title: string;
  Cell: (props: ICellProps) => JSX.Element;
}

function columns(trans: TranslationBundle): IColumn[] {
  return [
    { name: 'state', title: trans.__('State'), Cell: State },
    { name: 'name', title: trans.__('Job'), Cell: Name },
    { name: 'nodes', title: trans.__('Nodes'), Cell: Nodes },
    { name: 'time', title: trans.__('Time'), Cell: Time },
    { name: 'charged', title: trans.__('Charged to'), Cell: Charged }
  ];
}

export interface IGridProps {
  model: JobsModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/**
 * The jobs as an ARIA grid of which only the rows in sight exist. One row is in the tab order; arrows, Home, End and
 * the paging keys move it, Tab goes on to its button, and Delete asks for its cancellation.
 */
export default function Grid({ model, commands, trans }: IGridProps): JSX.Element {
  const jobs = model.shown;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const [moved, setMoved] = useState(0);
  const current = Math.min(active, jobs.length - 1);
  const virtualizer = useVirtualizer({
    count: jobs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: index => jobs[index]?.id ?? index,
    initialRect: { width: 300, height: 600 },
    // the row in the tab order exists also while it is out of sight: focus has a place to be, and to go to
    rangeExtractor: range => [...new Set([...defaultRangeExtractor(range), current])].sort((a, b) => a - b),
    overscan: 4
  });
  useEffect(() => {
    if (moved) {
      scroller.current?.querySelector<HTMLElement>(`[data-index="${current}"]`)?.focus();
    }
  }, [moved]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = rowAfter(event.key, current, jobs.length);
    const job = jobs[current];
    if (next !== null) {
      event.preventDefault();
      virtualizer.scrollToIndex(next);
      setActive(next);
      setMoved(moved + 1);
    } else if (event.key === 'Delete' && job && !job.is_final) {
      void commands.execute(CommandIDs.cancel, { jobId: job.id });
    }
  };
  const cells = columns(trans);
  return (
    <div className="bs-Grid" role="grid" aria-label={trans.__('Your jobs')} aria-rowcount={jobs.length + 1} aria-colcount={6}>
      <Header cells={cells} trans={trans} />
      <div className="bs-Scroller" ref={scroller} role="presentation">
        <div role="rowgroup" className="bs-Rows" style={{ height: virtualizer.getTotalSize() }} onKeyDown={onKeyDown}>
          {virtualizer.getVirtualItems().map(({ index, key, start }) => {
            const job = jobs[index];
            return (
              job && (
                <Row
                  key={key}
                  place={{ index, start, isActive: index === current, measure: virtualizer.measureElement }}
                  onFocus={() => {
                    setActive(index);
                    model.selected = job.id;
                  }}
                  {...{ job, cells, model, commands, trans }}
                />
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Header({ cells, trans }: { cells: IColumn[]; trans: TranslationBundle }): JSX.Element {
  return (
    <div role="rowgroup">
      <div role="row" aria-rowindex={1} className="bs-Row bs-Header">
        {cells.map(({ name, title }) => (
          <div role="columnheader" key={name} className={`bs-Cell bs-mod-${name}`}>
            {title}
          </div>
        ))}
        <div role="columnheader" className="bs-Cell bs-mod-act">
          <span className="bs-Hidden">{trans.__('Actions')}</span>
        </div>
      </div>
    </div>
  );
}

interface IRowProps extends IGridProps {
  job: IJob;
  cells: IColumn[];
  onFocus: () => void;
  /** Where the row stands in the list, in pixels too; `measure` learns its true height. */
  place: { index: number; start: number; isActive: boolean; measure: (node: Element | null) => void };
}

/** One job, placed where it belongs in a list that is much longer than what is drawn. */
function Row({ job, cells, onFocus, place, model, commands, trans }: IRowProps): JSX.Element {
  return (
    <div
      ref={place.measure}
      data-index={place.index}
      data-job-id={job.id}
      role="row"
      aria-rowindex={place.index + 2}
      aria-selected={job.id === model.selected}
      className={rowClass(job, model)}
      style={{ transform: `translateY(${place.start}px)` }}
      tabIndex={place.isActive ? 0 : -1}
      onFocus={onFocus}
    >
      {cells.map(({ name, Cell }) => (
        <div role="gridcell" key={name} className={`bs-Cell bs-mod-${name}`}>
          <Cell job={job} model={model} trans={trans} />
        </div>
      ))}
      <div role="gridcell" className="bs-Cell bs-mod-act">
        <CancelButton isActive={place.isActive} {...{ job, model, commands, trans }} />
      </div>
    </div>
  );
}

function rowClass(job: IJob, model: JobsModel): string {
  const mods = [job.id === model.sessionJobId && 'bs-mod-session', job.is_final && 'bs-mod-final'];
  return ['bs-Row', ...mods].filter(Boolean).join(' ');
}

/** Asks for a job's end; absent where the job has ended. */
function CancelButton(props: IGridProps & { job: IJob; isActive: boolean }): JSX.Element | null {
  const { job, model, commands, trans, isActive } = props;
  return job.is_final ? null : (
    <button
      className="bs-Cancel jp-mod-styled jp-mod-minimal"
      disabled={model.isCancelling(job.id)}
      tabIndex={isActive ? 0 : -1}
      aria-label={trans.__('Cancel job %1', job.id)}
      onClick={() => void commands.execute(CommandIDs.cancel, { jobId: job.id })}
    >
      {trans.__('Cancel')}
    </button>
  );
}

"""memnets: how does a network remember?

A network is told a number and must recall it when asked. This package draws
such tasks, builds networks, trains them, looks inside, and draws pictures:

    from memnets import Recall, lecture, train, plot_learning

    task = Recall()
    run = train(lecture(task), task)
    plot_learning(run)

The tasks
    Recall, Countdown      told a number: say it when asked, or count it down
    Reber, EmbeddedReber   strings of a grammar: which symbol may come next?
    HiddenParticle, ParticleForecast   coupled oscillators: infer, predict
    LongLag, LongLagRandom, LongLagTrigger, SignalThenNoise, NoisySignal,
    NoisyTarget, Adding, Multiplication, TemporalOrder, TemporalOrder3
                           the experiments of 1997
    ContinualReber, ContinualOrder, AnBn, AnBnCn, MeasureSpikeDelays,
    GenerateSpikes, PeriodicFunction     those of 2000 to 2003
    ModernAdding, CopyMemory, AssociativeRecall, LatestSubject, MemoryLength,
    MemorySize, NextWord   later ones
    DateTranslation, Melody, PenStrokes, SpokenDigits, TwoFacts, Captions,
    MovingShapes           small applications
    Mixture                several tasks in turn
    draw, letters          a sequence as text
    Task, Batch, join      what a task is, and what it draws
    TASKS, make_task       all tasks by name

The networks
    lecture, recurrent     stacks of recurrent layers, from a seed
    by_hand                memories whose weights are set by hand
    load_model             a network from a .keras file, with any cell
    CELLS                  all cells by name; their layers: Elman, LSTM1997,
                           MemoryGated, MinGRU, MinLSTM, PeepholeLSTM,
                           VariantLSTM

Training and experiments
    train, Recording       train a model; what to write down meanwhile
    Experiment, repeat     a training as data; the same for many seeds
    find                   experiments of the catalogue by name
    reproduce              the classic experiments, at full scale

Measured series and images
    load_series, Preparation    a series; differenced, scaled, and back
    Forecaster, walk_forward    a small LSTM; forecast from origin to origin
    River, RowReader       a synthetic flood; digits read row by row

Looking inside
    trace                  every gate at every step
    gradient_flow          how far the error comes back through time

In the browser
    playground             trained networks that answer in a page of one file

Records
    Run, Ensemble          one training; the losses of many
    Trace, NetworkTrace    what was in a layer, and in a network
    GradientFlow, GradientStudy   gradients by lag
    FinalExam, Diverged    how a training ended
    load, recorded         a record from a file, or one of those in data/
    results                a table of many runs, as a pandas DataFrame

Pictures
    plot_task, plot_learning, plot_sequence, plot_sequences, plot_losses,
    plot_recalled_values, plot_units     a task and how it is learned
    plot_gates, plot_cell, plot_gradient, plot_gradient_study,
    plot_scores_by_gradient              inside a network
    plot_grammar, plot_counters, plot_counting, plot_timing
                                         a grammar; counters; rhythms
    plot_motion, plot_errors, plot_responses, plot_response_matrix
                                         the hidden particle
    plot_series, plot_forecasts, plot_shifts, plot_series_errors, plot_river,
    plot_rows_read                       series, forecasts, digits
    plot_family, plot_cell_diagram, plot_comparison, plot_matrix
                                         cells side by side
    animate_learning, animate_cell       films
    FIGURES, draw_figure, save_figure    the slides

Each name is loaded when it is first used, so that pictures come without
TensorFlow and `import memnets` takes no time.
"""

import os

import lazy_loader

# Before Keras is first imported: less of what TensorFlow's libraries log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Shared among threads, the small operations of recurrent networks take up to
# half as much CPU time again, and no less time on the clock.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "browser cells experiments figures networks plots records "
        "reproduction scratch series tasks tracing training"
    ).split(),
    submod_attrs={
        "tasks": (
            "TASKS Adding AnBn AnBnCn AssociativeRecall Batch ContinualOrder "
            "ContinualReber CopyMemory Countdown EmbeddedReber GenerateSpikes "
            "HiddenParticle LatestSubject LongLag LongLagRandom "
            "LongLagTrigger MeasureSpikeDelays MemoryLength MemorySize "
            "Mixture ModernAdding Multiplication NextWord NoisySignal "
            "NoisyTarget ParticleForecast PeriodicFunction Reber Recall "
            "SignalThenNoise Task TemporalOrder TemporalOrder3 draw join "
            "letters make_task Captions DateTranslation Melody MovingShapes "
            "PenStrokes SpokenDigits TwoFacts"
        ).split(),
        "tasks.synthetic": ["River"],
        "cells": (
            "Elman LSTM1997 MemoryGated MinGRU MinLSTM PeepholeLSTM VariantLSTM"
        ).split(),
        "cells.catalogue": ["CELLS"],
        "networks.build": ["lecture", "load_model", "recurrent"],
        "networks.by_hand": ["by_hand"],
        "training.loop": ["train"],
        "training.recording": ["Recording"],
        "tracing.gradients": ["gradient_flow"],
        "tracing.trace": ["trace"],
        "records": (
            "Diverged Ensemble FinalExam GradientFlow GradientStudy "
            "NetworkTrace Run Trace load recorded"
        ).split(),
        "records.tables": ["results"],
        "records.series": ["load_series"],
        "series.preparation": ["Preparation"],
        "series.network": ["Forecaster"],
        "series.walk": ["walk_forward"],
        "series.digits": ["RowReader"],
        "experiments.experiment": ["Experiment"],
        "experiments.catalogue": ["find"],
        "experiments.repeat": ["repeat"],
        "reproduction.trials": ["reproduce"],
        "browser.page": ["playground"],
        "plots": (
            "animate_cell animate_learning plot_cell plot_cell_diagram "
            "plot_comparison plot_counters plot_counting plot_errors "
            "plot_family plot_gates plot_gradient plot_gradient_study "
            "plot_grammar plot_learning plot_losses plot_matrix plot_motion "
            "plot_recalled_values plot_response_matrix plot_responses "
            "plot_scores_by_gradient plot_sequence plot_sequences plot_task "
            "plot_timing plot_units"
        ).split(),
        "plots.series": (
            "plot_forecasts plot_river plot_rows_read plot_series "
            "plot_series_errors plot_shifts"
        ).split(),
        "figures.catalogue": ["FIGURES", "draw_figure", "save_figure"],
    },
)

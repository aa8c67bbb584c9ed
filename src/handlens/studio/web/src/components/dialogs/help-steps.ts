// The steps, in two lines each: what the step is for, and how it is done here.

export const STEPS: readonly { title: string; lines: [string, string] }[] = [
  {
    title: 'Open',
    lines: [
      'A collection is one folder of photos; Studio never changes or moves them.',
      'Make one on the first page from a folder, a zip or a built-in one; it reopens where you left it.',
    ],
  },
  {
    title: 'Prepare',
    lines: [
      'Each photo is described at several layers, from simple texture to whole shapes.',
      'The first map appears after 500 random photos, the rest stream in; you can stop and go on later.',
    ],
  },
  {
    title: 'Look',
    lines: [
      'Photos that look alike to a layer lie close together. Drag to move the map, scroll to zoom.',
      'Left and right change the layer, up and down the projection; the light table shows them all at once.',
    ],
  },
  {
    title: 'Select',
    lines: [
      'Draw around a group with the lasso (L) or the box (B); Shift adds to it, Alt takes away.',
      'The selection stays when you change the layer or projection, so you can see where it went.',
    ],
  },
  {
    title: 'Review',
    lines: [
      'Review (R) lays the selection out in a grid, where the odd one catches the eye.',
      'Click it, or use arrows and Space, to throw it out; “odd ones first” sorts by distance from the centre.',
    ],
  },
  {
    title: 'Label',
    lines: [
      'Type a new label (N), or use one you have by a click or its key, 1 to 9; labels in a file are imported (M).',
      'Rename, merge or delete labels in their menu; undo goes back as far as you like, even after a restart.',
    ],
  },
  {
    title: 'Find similar',
    lines: [
      'From a few examples, ranks all photos, shown or not, by how near they are in this map’s layer.',
      'The nearest open in the review grid together with your examples: throw out the odd ones and label.',
    ],
  },
  {
    title: 'Separate',
    lines: [
      'Tick two or more labels and press Separate (S) to look along the direction that tells them apart best.',
      'All layers are tried; the map moves to the best one, where unlabelled photos lie beside their likely label.',
    ],
  },
  {
    title: 'Train',
    lines: [
      'Trains a model on your labels in a moment (T), or fine-tunes a network in minutes; both can be compared.',
      'Photos you picked by hand tend to be the clear ones, so they cannot tell how often it is right on the rest.',
    ],
  },
  {
    title: 'Label what is suggested',
    lines: [
      'Asks for the 24 photos that are most worth a label (J): those predicted alike together, the others one by one.',
      'Mark the wrong ones, and Enter confirms the rest. At the end, Enter trains and suggests the next 24.',
    ],
  },
  {
    title: 'Check',
    lines: [
      'The spot check (C) draws random photos, and you say what you see, a second each, without seeing the prediction.',
      'From these comes how often the model is right, with a range; without a check there is at most a guess.',
    ],
  },
  {
    title: 'Vary opacity',
    lines: [
      'Fades the photos that the model is sure of (O), so that your eye goes to those it is not.',
      'The slider says how sure is sure enough, which holds once it is checked; label some of what stays, and train again.',
    ],
  },
  {
    title: 'Finish',
    lines: [
      'Choose how many of all labels may be wrong; the model then labels as many of the rest as the check can certify.',
      'What it is not sure enough of is left for you. Undo takes it all back.',
    ],
  },
  {
    title: 'Take away',
    lines: [
      'Download the labels, also for COCO, Label Studio, YOLO and others, predictions, or photos in folders by label.',
      'The model comes as a folder that “handlens predict” uses on new photos without Studio.',
    ],
  },
  {
    title: 'Help',
    lines: [
      'This page (?), which lists all keys too; each button shows its key when you point at it.',
      'Nothing leaves this machine: the page talks only to the Studio running on it.',
    ],
  },
]

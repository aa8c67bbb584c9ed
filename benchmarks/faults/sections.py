"""The sections of the campaign, in the order in which they run."""

from __future__ import annotations

from faults import apis, archives, crowds, disks, flips, kills, loaders, pictures
from faults.campaign import Section

SECTIONS: dict[str, Section] = {
    "labelling": kills.labelling,
    "preparing": kills.preparing,
    "checkpoint": kills.checkpoint,
    "saving": kills.saving,
    "queue": kills.queue,
    "reviewing": kills.reviewing,
    "exporting": kills.exporting,
    "training": kills.training,
    "full-disk": disks.full_disk,
    "read-only": disks.read_only,
    "unplugged": disks.unplugged,
    "flips": flips.flips,
    "truncations": flips.truncations,
    "zeroed": flips.zeroed,
    "pictures": pictures.pictures,
    "tars": archives.tars,
    "zips": archives.zips,
    "loaders": loaders.loaders,
    "apis": apis.apis,
    "together": crowds.together,
    "connections": crowds.connections,
    "soak": crowds.soak,
}

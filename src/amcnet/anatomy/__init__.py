"""Label tables: which structures there are, what they are called and which are neighbours."""

from amcnet.anatomy.hand_table import hand_label_table, label_values, own_table_of
from amcnet.anatomy.label_table import IGNORE, LabelTable, Structure

__all__ = ["IGNORE", "LabelTable", "Structure", "hand_label_table", "label_values", "own_table_of"]

"""The texts of ``run``'s and ``create``'s options turned into request values, with docker's error words."""
